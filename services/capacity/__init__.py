"""How many workers, partitions and Triton instances a load needs, by rates that were measured (docs/capacity.md)."""
