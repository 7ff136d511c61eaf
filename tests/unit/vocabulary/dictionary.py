"""A dictionary in MedDRA's layout, with terms and codes that we invented."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "meddra_release.asc": "90.1$English$$$$",
    "soc.asc": "90000001$Belly disorders$Belly$$$$$$$$\n90000002$Mind disorders$Mind$$$$$$$$",
    "hlgt.asc": "90000011$Upper belly group$$$$$$$\n90000012$Night group$$$$$$$",
    "hlt.asc": "90000021$Belly upsets$$$$$$$\n90000022$Night troubles$$$$$$$",
    "pt.asc": "\n".join(
        f"{code}${name}$${soc}$$$$$$$$"
        for code, name, soc in (
            ("90000031", "Nausea", "90000001"),
            ("90000032", "Insomnia", "90000002"),
            ("90000033", "Moon itch", "90000002"),
        )
    ),
    "llt.asc": "\n".join(
        f"{code}${name}${pt}$$$$$$${currency}$$"
        for code, name, pt, currency in (
            ("90000031", "Nausea", "90000031", "Y"),
            ("90000041", "Queasy wobble", "90000031", "Y"),
            ("90000032", "Insomnia", "90000032", "Y"),
            ("90000033", "Moon itch", "90000033", "Y"),
            ("90000043", "Lunar prickle", "90000033", "N"),
            ("90000044", "Twice named", "90000033", "N"),
            ("90000045", "Twice named", "90000032", "Y"),
        )
    ),
    "soc_hlgt.asc": "90000001$90000011$\n90000002$90000012$",
    "hlgt_hlt.asc": "90000011$90000021$\n90000012$90000022$",
    "hlt_pt.asc": "90000021$90000031$\n90000022$90000032$\n90000022$90000033$\n90000021$90000033$",
    "mdhier.asc": "\n".join(
        f"{pt}${hlt}${hlgt}${soc}$a$b$c$d$e$$90000002${primary}$"
        for pt, hlt, hlgt, soc, primary in (
            ("90000031", "90000021", "90000011", "90000001", "Y"),
            ("90000032", "90000022", "90000012", "90000002", "Y"),
            ("90000033", "90000021", "90000011", "90000001", "N"),
            ("90000033", "90000022", "90000012", "90000002", "Y"),
        )
    ),
}


def written(folder: Path, **changed: str | None) -> Path:
    """Write the dictionary; `changed` replaces files by their names without suffix, None leaves one out."""
    for name, text in FILES.items():
        content = changed.get(name.removesuffix(".asc"), text)
        if content is not None:
            (folder / name).write_text(content + "\n", encoding="utf-8", newline="\r\n")
    return folder
