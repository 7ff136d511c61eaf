"""Ways out of adrwatch, one file each. A channel is given whole messages and says how each ended."""

from services.notify.channels.base import Away, Carrier, Refused
from services.notify.channels.opening import open_channel

__all__ = ["Away", "Carrier", "Refused", "open_channel"]
