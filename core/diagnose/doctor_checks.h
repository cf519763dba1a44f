/* doctor_checks.h - what the files of checks share. Within this folder only. */
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

#include <stddef.h>
#include "diagnose/doctor.h"

void doctor_check_configuration(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_daemon(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_plugins(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_privileges(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_tun(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_ports(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_rivals(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_firewall(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_clients(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_nat(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_forwarding(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_rp_filter(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_mtu(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_overlap(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_return(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_pools(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_dhcp(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_dns(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_radius(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_certificates(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_clock(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_timeouts(const struct doctor_seen *s, struct doctor_out *o);
void doctor_check_settings(const struct doctor_seen *s, struct doctor_out *o);

/* For checks: another sentence, and the command that mends it. */
void doctor_say(struct doctor_out *o, enum doctor_state state, const char *fmt, ...) ADIT_PRINTF(3, 4);
void doctor_mend(struct doctor_out *o, const char *fmt, ...) ADIT_PRINTF(2, 3);
void doctor_tell_notes(struct doctor_out *o, enum doctor_state state, const struct doctor_note *n, uint32_t count);
void doctor_time_text(int64_t t, char *out, size_t size);

#endif
