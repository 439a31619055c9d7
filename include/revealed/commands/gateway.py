"""`revealed gateway`: serve recommendations, collect events; and who may."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.settings import Settings

app = typer.Typer(
    help="The HTTP gateway: serves recommendations, logs what it shows, collects events.",
    invoke_without_command=True,
)
tokens = typer.Typer(help="Who may call the gateway. Changes count at once, also in a running gateway.")
app.add_typer(tokens, name="token")


@app.callback()
def gateway(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Where to listen (default: REVEALED_GATEWAY_HOST, 127.0.0.1).")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port; 0: any free one (default: REVEALED_GATEWAY_PORT, 8300).", min=0, max=65535),
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C: recommendations out, events in, every decision logged before it is told.

    \b
    Examples:
      revealed gateway token create --source shop --scope events:write --scope recommendations:read
      revealed gateway
      revealed gateway --host 0.0.0.0 --port 8300     # behind a proxy with TLS
    """
    if context.invoked_subcommand is not None:
        return
    from revealed.gateway.serve import serve

    settings = Settings.from_env()

    def tell(url: str) -> None:
        if as_json:
            say_json({"url": url, "docs": f"{url}/docs", "home": str(settings.home)})
        else:
            say(f"the gateway listens on {url}\nits calls: {url}/docs and {url}/openapi.json")
        sys.stdout.flush()

    serve(
        settings,
        host=host or settings.gateway_host,
        port=settings.gateway_port if port is None else port,
        on_ready=tell,
    )


@tokens.command()
def create(
    source: Annotated[str, typer.Option(help="Who will send with it.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it allows: events:write, inferences:write, recommendations:read, queries:read, clock:set."
            " Give it several times for several."
        ),
    ],
    days: Annotated[int | None, typer.Option(help="Days until it expires (default: never).", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it, this once: only a digest of it is kept.

    \b
    Example:
      revealed gateway token create --source web --scope events:write --days 90
    """
    from revealed.clock import utc_now
    from revealed.gateway.tokens import create_token

    token, text = create_token(Settings.from_env(), source=source, scopes=scope, now=utc_now(), days=days)
    if as_json:
        say_json(
            {"id": token.id, "token": text, "scopes": list(token.scopes), "expires_at": token.expires_at}
        )
    else:
        say(text)


@tokens.command("list")
def list_tokens(as_json: Json = False) -> None:
    """List the tokens; their secrets are not kept.

    \b
    Example:
      revealed gateway token list
    """
    from revealed.clock import utc_now
    from revealed.gateway.tokens import read_tokens

    now = utc_now()
    rows = [
        {
            "id": token.id,
            "source": token.source,
            "scopes": " ".join(token.scopes),
            "created": token.created_at.isoformat(timespec="seconds"),
            "expires": token.expires_at.isoformat(timespec="seconds") if token.expires_at else None,
            "state": "valid" if token.is_valid_at(now) else "revoked" if token.revoked_at else "expired",
        }
        for token in read_tokens(Settings.from_env())
    ]
    if as_json:
        say_json({"tokens": rows})
    else:
        say(table(rows, ("id", "source", "scopes", "created", "expires", "state")))


@tokens.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="From `token list`.")], as_json: Json = False
) -> None:
    """Refuse a token from now on.

    \b
    Example:
      revealed gateway token revoke 3f9a1c20d4e7
    """
    from revealed.clock import utc_now
    from revealed.gateway.tokens import revoke_token

    token = revoke_token(Settings.from_env(), token_id, now=utc_now())
    if as_json:
        say_json({"id": token.id, "source": token.source, "revoked_at": token.revoked_at})
    else:
        say(f"{token.id} ({token.source}) is refused from now on")
