/* other_major.c - a plugin of the next major version. */
int adit_plugin_2(void);
__attribute__((visibility("default"))) int adit_plugin_2(void) { return 0; }
