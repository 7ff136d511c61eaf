"""Open vocabularies: names of medicines and their ingredients, reactions and their preferred concepts."""
