/* invoke_meter.h: the usage of InvokeModel, from headers, the family's own body, and streams. */
#ifndef TOLLGATE_DIALECT_INVOKE_METER_H
#define TOLLGATE_DIALECT_INVOKE_METER_H

#include "core/dialect/dialect_private.h"

extern const struct meter_kind meter_invoke;

#endif
