/* sts_private.h: between the files of STS. */
#ifndef TOLLGATE_AWS_STS_PRIVATE_H
#define TOLLGATE_AWS_STS_PRIVATE_H

#include "core/aws/sts.h"

/* The text of the first element `name`; false: there is none, or it does not fit. */
bool sts_xml_text(struct str xml, const char *name, char *out, size_t size);

#endif
