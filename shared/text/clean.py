"""Masking of identifiers, the form of a post that models read, and the fingerprint of a repost.

`mask` runs once, at ingest, before a post is written anywhere; every offset in adrwatch counts in its result.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from shared.text.phones import mask_phones

URL_MASK = "HTTPURL"
HANDLE_MASK = "@USER"
EMAIL_MASK = "EMAIL"

# The look-behind keeps the search linear: a long word is tried once, not from each of its letters.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Apps glue a picture's address to the word before it.
_URL = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S+", re.IGNORECASE)
_ADDRESS = re.compile(
    # The last part is bounded and no word of a sentence, so that "hurts.and/or" and "5.mg/kg" are no addresses.
    r"(?<!\w)(?:at|ftp|sftp|tg|whatsapp|web\+ap)://\S+"
    r"|(?<![\w.@-])(?:[a-z0-9-]{1,63}\.){1,5}"
    r"(?:com|org|net|info|edu|gov|io|tv|ly|uk|de|fr|es|ca|au|ru|eu|nl|app|dev|gg|gl|co|social)/\S+"
    r"|(?<![\w.@-])(?:(?:t|wa|fb|m)\.me|youtu\.be|redd\.it|lnkd\.in)/\S+",
    re.IGNORECASE,
)
# A handle may have dots and hyphens (Bluesky, forums) and a host after a second @ (fediverse); those of Bluesky's own host are
# known without the sign. A masked handle of an earlier pass (@USER, @____) matches too; a word that a full stop glues to one is
# the next sentence's, and stays.
_HANDLE = re.compile(r"(?<![\w@])@(?:(?:USER|_+)(?!\w)|\w+(?:[.-]\w+)*)(?:@[\w-]+(?:\.[\w-]+)+)?")
_BLUESKY = re.compile(r"(?<![\w.@-])(?:[a-z0-9-]{1,63}\.){1,5}bsky\.social(?!\w)", re.IGNORECASE)
_REPOST = re.compile(r"^\s*(?:rt|mt)\s+@user\s*:?\s*", re.IGNORECASE)
_REDDIT_USER = re.compile(r"(?<![\w/])/?u/[\w-]{3,20}\b")
_NOT_WORD = re.compile(r"[^\w]+")
_CONTROLS = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}
_MASKS = re.compile(r"httpurl|@user|email")


def mask(text: str) -> str:
    """Replace addresses, e-mail addresses, handles and telephone numbers by fixed words, and bring the text to NFC.

    The first words are those of the #SMM4H releases (HTTPURL, @USER), so that models read what they were trained on.
    Control characters other than tab and newline become spaces: they carry nothing and break terminals.
    """
    # Most posts hold nothing of a kind, which is seen in a tenth of the time that the search for it takes.
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = text.translate(_CONTROLS)
    if "/" in text or "www." in text.lower():
        text = _ADDRESS.sub(URL_MASK, _URL.sub(URL_MASK, text))
    if "@" in text:
        text = _EMAIL.sub(EMAIL_MASK, text)
    if "u/" in text:
        text = _REDDIT_USER.sub(HANDLE_MASK, text)
    if "@" in text:
        text = _HANDLE.sub(HANDLE_MASK, text)
    # Case is that of the search, which folds some letters that `lower` does not.
    if "bsky" in text.casefold():
        text = _BLUESKY.sub(HANDLE_MASK, text)
    return mask_phones(text)


def model_text(text: str) -> str:
    """Lower-case without changing the length, so that offsets in the result are offsets in `text`.

    Letter case leaks the label in the #SMM4H releases, so models never see it. A character whose lower case is
    longer than itself (such as the dotted capital I) stays as it is.
    """
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def fingerprint(text: str) -> str:
    """Hash of what a repost keeps: words only, without case, masks, punctuation and a leading 'RT @USER:'.

    Sixteen hexadecimal digits. Posts with equal fingerprints are linked and count once (SIGNALS: reposts).
    """
    body = _REPOST.sub("", text)
    body = _MASKS.sub(" ", body.lower())
    words = _NOT_WORD.sub(" ", body).split()
    return hashlib.blake2b(" ".join(words).encode(), digest_size=8).hexdigest()
