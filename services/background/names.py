"""What medicines in reports stand for: ingredients, by adrwatch's lexicon."""

from __future__ import annotations

import duckdb

from shared.duckdb_rows import append
from shared.vocabulary.drugs import DrugLexicon


def name_ingredients(connection: duckdb.DuckDBPyConnection, lexicon: DrugLexicon) -> None:
    """The ingredient of each incoming name, by adrwatch's lexicon; a name that it does not know stays, in capitals and cleaned."""
    names = [name for (name,) in connection.execute("SELECT DISTINCT name FROM incoming_drugs").fetchall()]
    connection.execute("CREATE OR REPLACE TEMP TABLE ingredients (name TEXT, ingredient TEXT)")
    append(connection, "ingredients", [(name, ingredient(name, lexicon)) for name in names])
    connection.execute(
        "UPDATE incoming_drugs SET ingredient = i.ingredient FROM ingredients AS i WHERE i.name = incoming_drugs.name"
    )


def ingredient(name: str, lexicon: DrugLexicon) -> str:
    """What a medicine's name in a report stands for: the ingredient's label, or the cleaned name in capitals.

    Names carry doses, forms and salts ("ADVIL 200MG TABLETS"): the lexicon's longest name in it decides. A backslash parts the
    ingredients of a product (FAERS's prod_ai): each of them counts, whether the lexicon knows it or not.
    """
    labels: set[str] = set()
    for part in name.split("\\"):
        cleaned = " ".join(part.replace("/", " ").split()).strip(" .,;").upper()
        if cleaned:
            labels |= {mention.concept.label for mention in lexicon.find(cleaned)} or {cleaned}
    return " / ".join(sorted(labels))
