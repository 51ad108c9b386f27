/* defect.h - a deliberate defect: a law of the product switched off by the linker (--wrap), in a
 * simulator of its own. `WRAP symbol` lines of each file say which; the names are the linker's. */
#ifndef GNOMON_SIM_DEFECT_H
#define GNOMON_SIM_DEFECT_H

#pragma GCC diagnostic ignored "-Wpedantic"

#endif
