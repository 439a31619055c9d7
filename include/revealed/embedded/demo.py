"""demo placeholder."""


def run_demo() -> None: ...
