"""Screen, attribute and normalise on any text: offsets, no exceptions, and no influence of one post on another."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.pipeline.steps.attribute import attribute
from services.pipeline.steps.document import Document
from services.pipeline.steps.normalise import Reported, Vocabularies, normalise
from services.pipeline.steps.screen import screen
from shared.events import Post
from shared.models.decode import Span
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.reactions import default_vocabulary
from tests.unit.pipeline.posts import post

VOCABULARIES = Vocabularies(default_vocabulary(), frozenset({"HP:0002013"}), frozenset({"anaphylaxis"}))
PHRASES = (
    "zoloft |advil |and |gave me |a rash |nausea|. |? |, |no |can't sleep |for my |headache |died |side effects include |if i get "
    "|switched from |to |\n|😂|İ|ß|\u0301|#|@USER |HTTPURL |#prozac "
)
PIECES = st.sampled_from(PHRASES.split("|"))
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=10)), max_size=25).map("".join)


@st.composite
def documents(draw: st.DrawFn, number: int = 1) -> Document:
    text = draw(TEXTS)
    document = Document(post(text, number), positive=True, probability=0.5)
    for _ in range(draw(st.integers(0, 4)) if text else 0):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        document.spans.append(
            Span(start, end, draw(st.sampled_from(["reaction", "drug", "indication", "symptom"])), 0.8)
        )
    return document


def run(batch: list[Document]) -> dict[str, Reported]:
    fresh = [Document(one.post, positive=True, probability=0.5, spans=one.spans) for one in batch]
    screened, first = screen(fresh, default_lexicon())
    attributed, second = attribute(screened)
    done, third = normalise(attributed, VOCABULARIES, "v")
    assert first + second + third == []
    return {one.outcome.post_id: one for one in done}


@given(documents())
def test_any_text_passes_every_step_and_offsets_lie_inside_it(document: Document) -> None:
    (one,) = run([document]).values()
    text = document.post.text
    for mention in one.mentions:
        for span in (mention.drug_span, mention.reaction_span):
            assert 0 <= span.start < span.end <= len(text)
    assert one.outcome.post_id == document.post.id


@settings(max_examples=40)
@given(st.lists(documents(), min_size=1, max_size=5), st.randoms())
def test_a_post_gives_the_same_alone_in_any_batch_and_in_any_order(batch: list[Document], random) -> None:
    for number, document in enumerate(batch):
        fields = {name: getattr(document.post, name) for name in Post.__struct_fields__}
        document.post = Post(**(fields | {"id": f"test:{number}"}))
    together = run(batch)
    shuffled = batch[:]
    random.shuffle(shuffled)
    assert run(shuffled) == together
    for document in batch:
        assert run([document])[document.post.id] == together[document.post.id]
