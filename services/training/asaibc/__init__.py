"""ASAIBC for Chinese: entities learned with word segmentation beside them.

Kang, Tian and Yu, Journal of Intelligent & Fuzzy Systems 40(5), 8899, 2021.
"""
