/* test_rad_dict.c - names and text of RADIUS attributes, with hostile input: the
 * library behind it is not ours. */
#include <stdlib.h>

#include "../../plugins/auth-radius/rad_dict.h"
#include "tests/unit/unit.h"

static void setup(void)
{
    ck_assert_int_eq(rad_dict_hold(), 0);
}

static void teardown(void)
{
    rad_dict_drop();
}

static const char *text_of(uint32_t vendor, uint32_t type, const void *p, uint32_t len)
{
    static char out[RAD_PAIR_TEXT];
    uint8_t *copy = malloc(len ? len : 1);
    if (len)
        memcpy(copy, p, len);
    const struct rad_attr a = { .vendor = vendor, .type = type, .p = copy, .len = len };
    rad_dict_text(&a, out, sizeof out);
    free(copy);
    return out;
}

START_TEST(every_row_is_known)
{
    char name[RAD_NAME_TEXT];
#define RAD_X(number, NAME, name_, type) \
    ck_assert_str_eq(rad_dict_name(0, RAD_##NAME, name), name_);
    RAD_ATTR_MAP(RAD_X)
#undef RAD_X
#define RAD_X(number, NAME, name_, type) \
    ck_assert_str_eq(rad_dict_name(RAD_VENDOR_MICROSOFT, RAD_##NAME, name), name_);
    RAD_MS_MAP(RAD_X)
#undef RAD_X
    ck_assert_str_eq(rad_dict_name(RAD_VENDOR_WISPR, 7, name), "WISPr-Bandwidth-Max-Up");
    ck_assert_str_eq(rad_dict_name(RAD_VENDOR_MIKROTIK, 8, name), "Mikrotik-Rate-Limit");
    ck_assert_str_eq(rad_dict_name(0, 250, name), "250");
    ck_assert_str_eq(rad_dict_name(9, 1, name), "26.9.1");
    ck_assert_str_eq(rad_dict_name(0xffffffff, 1, name), "26.4294967295.1");
    ck_assert(!rad_dict_known(0, 17));
    ck_assert(rad_dict_known(RAD_VENDOR_MICROSOFT, 26));
}
END_TEST

START_TEST(text)
{
    ck_assert_str_eq(text_of(0, 1, "anna", 4), "User-Name = anna");
    ck_assert_str_eq(text_of(0, 6, "\0\0\0\2", 4), "Service-Type = Framed-User");
    ck_assert_str_eq(text_of(0, 12, "\0\0\5\x78", 4), "Framed-MTU = 1400");
    ck_assert_str_eq(text_of(0, 8, "\x0a\x09\0\2", 4), "Framed-IP-Address = 10.9.0.2");
    ck_assert_str_eq(text_of(0, 8, "\x0a\x09\0", 3), "Framed-IP-Address = 0x0a0900");
    ck_assert_str_eq(text_of(0, 55, "\x5f\x5e\x10\0", 4), "Event-Timestamp = 2020-09-13T12:26:40Z");
    ck_assert_str_eq(text_of(0, 64, "\0\0\0\1", 4), "Tunnel-Type = PPTP");
    ck_assert_str_eq(text_of(0, 64, "\2\0\0\3", 4), "Tunnel-Type:2 = L2TP");
    ck_assert_str_eq(text_of(0, 66, "\1" "10.0.0.1", 9), "Tunnel-Client-Endpoint:1 = 10.0.0.1");
    ck_assert_str_eq(text_of(0, 66, "10.0.0.1", 8), "Tunnel-Client-Endpoint = 10.0.0.1");
    ck_assert_str_eq(text_of(0, 97, "\0\x40\x20\1\x0d\xb8\0\1\0\2", 10), "Framed-IPv6-Prefix = 2001:db8:1:2::/64");
    ck_assert_str_eq(text_of(0, 97, "\0\x81\x20\1\x0d\xb8\0\1\0\2", 10), "Framed-IPv6-Prefix = 0x008120010db800010002");
    ck_assert_str_eq(text_of(0, 95, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16), "NAS-IPv6-Address = 2001:db8::1");
    ck_assert_str_eq(text_of(0, 25, "\x01\xff", 2), "Class = 0x01ff");
    ck_assert_str_eq(text_of(311, 7, "\0\0\0\2", 4), "MS-MPPE-Encryption-Policy = Encryption-Required");
    ck_assert_str_eq(text_of(9, 1, "x=1", 3), "26.9.1 = 0x783d31");
    ck_assert_str_eq(text_of(0, 2, "secret", 6), "User-Password = (not shown)");
    ck_assert_str_eq(text_of(311, 16, "secret", 6), "MS-MPPE-Send-Key = (not shown)");
    char out[RAD_PAIR_TEXT];
    const struct rad_attr bad = { .vendor = 311, .bad = true, .p = (const uint8_t *)"" };
    ck_assert_str_eq(rad_dict_text(&bad, out, sizeof out), "26.311.0: malformed");
}
END_TEST

/* Every attribute with every length of nasty octets: whatever it says, it says it
 * within its room. */
START_TEST(any_length)
{
    static const uint8_t fill[] = { 0x00, 0x01, 0x1f, '"', 0x7f, 0x80, 0xff, '%', '\\', 'A' };
    static const uint32_t vendors[] = { 0, RAD_VENDOR_MICROSOFT, RAD_VENDOR_WISPR, RAD_VENDOR_MIKROTIK, 9 };
    static const uint32_t lens[] = { 0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 18, 19, 252, 253 };
    uint8_t p[253];
    for (size_t f = 0; f < sizeof fill; f++) {
        memset(p, fill[f], sizeof p);
        for (size_t v = 0; v < sizeof vendors / sizeof *vendors; v++)
            for (uint32_t type = 0; type < 256; type += v > 1 ? 7 : 1)
                for (size_t k = 0; k < sizeof lens / sizeof *lens; k++)
                    ck_assert_uint_gt(strlen(text_of(vendors[v], type, p, lens[k])), 2);
    }
    char small[10];
    const struct rad_attr a = { .type = 1, .p = p, .len = 253 };
    ck_assert_uint_lt(strlen(rad_dict_text(&a, small, sizeof small)), 10);
}
END_TEST

static struct rad_pair pair;
static char why[256];

static bool parse(const char *line)
{
    char *copy = strdup(line);
    memset(&pair, 0xaa, sizeof pair);
    *why = '\0';
    bool ok = rad_dict_parse(copy, &pair, why, sizeof why);
    ck_assert(ok == (*why == '\0'));
    free(copy);
    return ok;
}

#define gives(line_, vendor_, type_, bytes_, n_)            \
    do {                                                    \
        ck_assert_msg(parse(line_), "%s", why);             \
        ck_assert_uint_eq(pair.vendor, vendor_);            \
        ck_assert_uint_eq(pair.type, type_);                \
        ck_assert_uint_eq(pair.len, n_);                    \
        ck_assert_mem_eq(pair.value, bytes_, n_);           \
    } while (0)

START_TEST(from_text)
{
    gives("NAS-Port-Type=Virtual", 0, 61, "\0\0\0\5", 4);
    gives("nas-port-type = 15", 0, 61, "\0\0\0\x0f", 4);
    gives("NAS-Port=4294967295", 0, 5, "\xff\xff\xff\xff", 4);
    gives("NAS-Port=0x10", 0, 5, "\0\0\0\x10", 4);
    gives("NAS-Identifier=vpn 1", 0, 32, "vpn 1", 5);
    gives("Called-Station-Id = \"vpn, site A=1\"", 0, 30, "vpn, site A=1", 13);
    gives("Class=0x00ff41", 0, 25, "\0\xff" "A", 3);
    gives("NAS-IP-Address=192.0.2.1", 0, 4, "\xc0\0\2\1", 4);
    gives("NAS-IPv6-Address=2001:db8::1", 0, 95, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    gives("Framed-IPv6-Prefix=2001:db8:1::/48", 0, 97, "\0\x30\x20\1\x0d\xb8\0\1\0\0\0\0\0\0\0\0\0\0", 18);
    gives("MS-RAS-Vendor=311", 311, 9, "\0\0\1\x37", 4);
    gives("Tunnel-Type=PPTP", 0, 64, "\0\0\0\1", 4);
    gives("MS-Acct-Auth-Type=PAP", 311, 23, "\0\0\0\1", 4);
    gives("Framed-Compression=None", 0, 13, "\0\0\0\0", 4);
    gives("Framed-Routing=None", 0, 10, "\0\0\0\0", 4);
    gives("Tunnel-Server-Endpoint=10.0.0.1", 0, 67, "\0" "10.0.0.1", 9);
}
END_TEST

START_TEST(wrong_text)
{
    static const char *const wrong[] = {
        "", "=", "=1", "NAS-Port", "No-Such-Attribute=1", "NAS-Port=", "NAS-Port=-1", "NAS-Port=1x",
        "NAS-Port=4294967296", "NAS-Port=99999999999999999999999", "NAS-Port-Type=PPP",
        "NAS-IP-Address=", "NAS-IP-Address=localhost", "NAS-IP-Address=1.2.3", "NAS-IP-Address=1.2.3.4/8",
        "NAS-IPv6-Address=1.2.3.4", "Framed-IPv6-Prefix=2001:db8::", "Framed-IPv6-Prefix=2001:db8::/129",
        "Framed-IPv6-Prefix=/", "Framed-IPv6-Prefix=x/64", "Class=0x", "Class=0x1", "Class=0xgg",
        "NAS-Identifier=", "NAS-Identifier=\"\"", "NAS-Identifier=a\"b", "NAS-Identifier=a\nb",
        "Tunnel-Type=16777216", "AnAttributeNameThatIsLongerThanTheLibraryHolds=1", "\n=\n", "\"", "a=\"",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!parse(wrong[i]), "%s", wrong[i]);
    char line[2000];
    for (size_t n = 1; n < 1900; n += n < 300 ? 1 : 97) {
        memset(line, 'x', sizeof line);
        memcpy(line, "NAS-Identifier=", 15);
        line[15 + n] = '\0';
        ck_assert_int_eq(parse(line), n <= 253);
        memset(line, 'f', sizeof line);
        memcpy(line, "Class=0x", 8);
        line[8 + n] = '\0';
        ck_assert_int_eq(parse(line), n % 2 == 0 && n / 2 <= 253);
        memset(line, '9', sizeof line);
        memcpy(line, "NAS-IP-Address=", 15);
        line[15 + n] = '\0';
        ck_assert(!parse(line));
        memset(line, '9', sizeof line);
        memcpy(line, "NAS-Port=", 9);
        line[9 + n] = '\0';
        ck_assert_int_eq(parse(line), n <= 9);
    }
    for (int c = 1; c < 256; c++) {
        snprintf(line, sizeof line, "NAS-Identifier=%c", c);
        (void)parse(line);
        snprintf(line, sizeof line, "%cNAS-Port=1%c", c, c);
        (void)parse(line);
    }
}
END_TEST

START_TEST(held_by_several)
{
    ck_assert_int_eq(rad_dict_hold(), 0);
    rad_dict_drop();
    ck_assert(rad_dict_known(0, 1));
    rad_dict_drop();
    ck_assert(!rad_dict_known(0, 1));
    ck_assert_int_eq(rad_dict_hold(), 0);
    ck_assert(rad_dict_known(0, 1));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("rad_dict");
    TCase *tc = tcase_create("rad_dict");
    tcase_set_timeout(tc, 30);
    tcase_add_checked_fixture(tc, setup, teardown);
    const TTest *const tests[] = { every_row_is_known, text, any_length, from_text, wrong_text,
                                   held_by_several };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
