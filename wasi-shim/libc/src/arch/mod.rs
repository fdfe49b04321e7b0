//! What knows the processor. The folder `registers` belongs to `memory`, which declares it.
