"""Background data: reports of reporting systems and hospitals in one compact store, to set social evidence beside."""
