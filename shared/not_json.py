"""What msgspec raises for bytes that are not the JSON that was asked for: a fault of whoever sent them, and none of ours."""

from __future__ import annotations

import msgspec

# Another type than was asked for, and what is no JSON; text that is no UTF-8; brackets within brackets without end.
NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
