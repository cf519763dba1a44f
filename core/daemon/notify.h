/* notify.h - telling the service manager (sd_notify(3) protocol). */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

void notify(const char *state);         /* "READY=1"; nothing without NOTIFY_SOCKET */
uint64_t notify_watchdog_ms(void);      /* how often WATCHDOG=1 is due; 0: never */

#endif
