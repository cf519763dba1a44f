/* conf_api.h - the config table that plugins get. */
#ifndef CONF_API_H
#define CONF_API_H

#include <adit/host.h>

extern const struct adit_config_api plug_config_api;

#endif
