"""The vocabulary of the demo world's catalogue: topics with their words, formats and framings."""

from __future__ import annotations

TOPICS: dict[str, tuple[str, ...]] = {
    "cycling": ("saddle", "gravel", "climb", "chain", "peloton", "tyre", "descent", "cadence"),
    "cooking": ("simmer", "skillet", "garlic", "broth", "roast", "dough", "spice", "braise"),
    "gardening": ("compost", "seedling", "perennial", "pruning", "mulch", "greenhouse", "soil", "bloom"),
    "astronomy": ("comet", "telescope", "orbit", "nebula", "eclipse", "crater", "galaxy", "meteor"),
    "chess": ("gambit", "endgame", "opening", "rook", "blunder", "zugzwang", "tactics", "castling"),
    "photography": ("aperture", "shutter", "tripod", "portrait", "exposure", "lens", "contrast", "film"),
    "woodwork": ("chisel", "dovetail", "plane", "oak", "sanding", "workbench", "joinery", "varnish"),
    "running": ("marathon", "stride", "tempo", "trail", "taper", "pacing", "intervals", "hydration"),
    "music": ("chord", "vinyl", "rhythm", "bassline", "melody", "synth", "encore", "harmony"),
    "travel": ("itinerary", "ferry", "hostel", "border", "sleeper", "harbour", "passport", "detour"),
}
TOPIC_NAMES = tuple(TOPICS)

FORMATS = ("article", "video", "guide", "review", "product")
FORMAT_SHARES = (0.40, 0.20, 0.12, 0.10, 0.18)
FORMAT_DWELL_S = (75.0, 110.0, 180.0, 95.0, 40.0)
PRODUCT = FORMATS.index("product")

FRAMINGS = ("how_to", "news", "opinion", "story", "list", "teaser")
FRAMING_SHARES = (0.22, 0.20, 0.14, 0.18, 0.14, 0.12)
TEASER = FRAMINGS.index("teaser")

_TITLES = {
    "how_to": "How to get {a} and {b} right",
    "news": "What changed for {a} and {b} this season",
    "opinion": "Why {a} matters more than {b}",
    "story": "A year of {a}, a lesson in {b}",
    "list": "Nine ideas for better {a} and {b}",
    "teaser": "You will not believe what {a} does to {b}",
}


def title(topic: str, framing: str, first: int, second: int) -> str:
    """Return a headline made of two of the topic's words."""
    words = TOPICS[topic]
    return _TITLES[framing].format(a=words[first % len(words)], b=words[second % len(words)])


def body(topic: str, second_topic: str, picks: list[int]) -> str:
    """Return a text in which two of three words are of the item's own topic, so that content tells."""
    own, other = TOPICS[topic], TOPICS[second_topic]
    words = [own[p % len(own)] if n % 3 else other[p % len(other)] for n, p in enumerate(picks)]
    return f"On {topic}: " + " ".join(words) + "."
