"""ASAIBC for Chinese: entities learned with word segmentation beside them (Journal of Intelligent & Fuzzy Systems, paper 003)."""
