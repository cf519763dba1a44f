/* priv.h - what the daemon may do once it serves. */
#ifndef PRIV_H
#define PRIV_H

/* Keeps the capabilities for sockets, interfaces and routes, gives up all
 * others for good; no core dumps (they would hold secrets). 0 or ADIT_E*. */
int priv_drop(void);

#endif
