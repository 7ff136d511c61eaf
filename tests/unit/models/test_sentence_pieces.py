"""Where words begin among SentencePiece's pieces, in languages with and without spaces."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import Unigram

from shared.models.features import FeatureBuilder, FeatureSpec
from shared.models.sentence_pieces import MARK, boundaries, marked

SPEC = FeatureSpec((16, 32), 4, 8, ())


def tokenizer(*pieces: str) -> Tokenizer:
    """Of pieces that all are as likely, and of the letters beside them."""
    letters = sorted({letter for piece in pieces for letter in piece})
    known = dict.fromkeys(["<unk>", "<s>", "</s>", *pieces, *letters])
    made = Tokenizer(
        Unigram([(piece, -float(number > 2 and piece in letters)) for number, piece in enumerate(known)], 0)
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    return made


@pytest.mark.parametrize(
    ("text", "pieces", "words"),
    [
        ("от золофта", ("▁от", "▁золо", "фта"), ["от", "золофта"]),
        ("l'aspirine (aïe)", ("▁l", "'", "aspir", "ine", "▁(", "aïe", ")"), ["l", "'", "aspirine", "(", "aïe", ")"]),
        ("吃了舍曲林", ("▁", "吃了", "舍", "曲", "林"), ["吃了", "舍", "曲", "林"]),
        ("a  b", ("▁a", "▁", "▁b"), ["a", "b"]),
    ],
)
def test_words_begin_where_a_reader_of_the_language_would_have_them_begin(
    text: str, pieces: tuple[str, ...], words: list[str]
) -> None:
    _, found = FeatureBuilder(tokenizer(*pieces), SPEC).pieces(text)
    begins = [index for index, word in enumerate(found.word_starts) if word]
    ends = [*begins[1:], len(found.starts)]
    spans = [(int(found.starts[one]), int(found.ends[other - 1])) for one, other in zip(begins, ends, strict=True)]
    assert [text[start:end].strip() for start, end in spans] == words
    assert all(not text[start].isspace() for start, _ in spans)


def test_a_mark_by_itself_begins_no_word() -> None:
    starts, ends, begins = boundaries("吃了", (MARK, "吃了"), ((0, 1), (0, 2)))
    assert (starts.tolist(), ends.tolist(), begins.tolist()) == ([0, 0], [1, 2], [False, True])


def test_a_tokenizer_of_bert_is_read_as_ever() -> None:
    from tokenizers.models import WordPiece

    bert = Tokenizer(WordPiece({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "zolo": 3, "##ft": 4}, unk_token="[UNK]"))
    bert.pre_tokenizer = pre_tokenizers.Whitespace()
    assert not marked(bert)
    _, found = FeatureBuilder(bert, SPEC).pieces("zoloft")
    assert found.word_starts.tolist() == [True, False]
