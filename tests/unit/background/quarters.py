"""Quarters of FAERS that we wrote, in the FDA's form."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

DEMO = (
    "primaryid$caseid$caseversion$i_f_code$event_dt$mfr_dt$init_fda_dt$fda_dt$rept_cod$auth_num$mfr_num$mfr_sndr$lit_ref$age"
    "$age_cod$age_grp$sex$e_sub$wt$wt_cod$rept_dt$to_mfr$occp_cod$reporter_country$occr_country"
)
DRUG = (
    "primaryid$caseid$drug_seq$role_cod$drugname$prod_ai$val_vbm$route$dose_vbm$cum_dose_chr$cum_dose_unit$dechal$rechal"
    "$lot_num$exp_dt$nda_num$dose_amt$dose_unit$dose_form$dose_freq"
)
REAC = "primaryid$caseid$pt$drug_rec_act"
OUTC = "primaryid$caseid$outc_cod"

# The columns from the fourth quarter of 2012 until the second of 2014: sex under another name, no ingredient.
OLDER_DEMO = (
    "primaryid$caseid$caseversion$i_f_code$event_dt$mfr_dt$init_fda_dt$fda_dt$rept_cod$mfr_num$mfr_sndr$age$age_cod$gndr_cod"
    "$e_sub$wt$wt_cod$rept_dt$to_mfr$occp_cod$reporter_country$occr_country"
)
OLDER_DRUG = (
    "primaryid$caseid$drug_seq$role_cod$drugname$val_vbm$route$dose_vbm$cum_dose_chr$cum_dose_unit$dechal$rechal$lot_num"
    "$exp_dt$nda_num$dose_amt$dose_unit$dose_form$dose_freq"
)
OLDER_REAC = "primaryid$caseid$pt"


class Quarter:
    """The lines of one quarter. `older`: in the columns of the quarters before the third of 2014."""

    def __init__(self, name: str = "22Q3", *, older: bool = False) -> None:
        self.name, self.older = name, older
        headers = (OLDER_DEMO, OLDER_DRUG, OLDER_REAC, OUTC) if older else (DEMO, DRUG, REAC, OUTC)
        self.lines = {kind: [header] for kind, header in zip(("DEMO", "DRUG", "REAC", "OUTC"), headers, strict=True)}
        self.deleted: list[str] = []
        self.deleted_name = f"DELETE{name}.txt"

    def report(
        self,
        case: int,
        drugs: Iterable[tuple[str, str]],
        reactions: Iterable[str],
        *,
        version: int = 1,
        event: str = "20220701",
        received: str = "20220715",
        sex: str = "F",
        outcome: str = "",
        sender: str = "ACME",
    ) -> None:
        """One version of a case; `drugs` are (role, name)."""
        key = f"{case}{version}"
        received_of = f"{key}${case}${version}$I${event}$$20220705${received}$EXP"
        self.lines["DEMO"].append(
            f"{received_of}$M${sender}$45$YR${sex}$Y$$$20220705$$MD$US$US"
            if self.older
            else f"{received_of}$$M${sender}$$45$YR$${sex}$Y$$$20220705$$MD$US$US"
        )
        for number, (role, name) in enumerate(drugs, 1):
            product, _, ingredient = name.partition("=")
            names = product if self.older else f"{product}${ingredient}"
            self.lines["DRUG"].append(f"{key}${case}${number}${role}${names}$1$Oral$$$$$$$$$$$$")
        for reaction in reactions:
            self.lines["REAC"].append(f"{key}${case}${reaction}" + ("" if self.older else "$"))
        if outcome:
            self.lines["OUTC"].append(f"{key}${case}${outcome}")

    def write(self, folder: Path, encoding: str = "utf-8") -> Path:
        """The folder of the quarter, as the FDA's zip unpacks."""
        place = folder / f"faers_ascii_{self.name}"
        (place / "ascii").mkdir(parents=True)
        for kind, lines in self.lines.items():
            (place / "ascii" / f"{kind}{self.name}.txt").write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
        if self.deleted:
            (place / "deleted").mkdir()
            (place / "deleted" / self.deleted_name).write_text("\r\n".join(self.deleted) + "\r\n", encoding="ascii")
        return place
