/* descriptors.h: room for the descriptors of thousands of connections. */
#ifndef TOLLGATE_PROXY_DESCRIPTORS_H
#define TOLLGATE_PROXY_DESCRIPTORS_H

/* Raises the soft limit of open files to the hard one, and has the kernel make its table for them.
 * Before the first thread: to grow that table in a process with threads takes the kernel some 10 ms
 * of waiting, at each doubling, for whoever opens the connection that does not fit. */
void descriptors_prepare(void);

#endif
