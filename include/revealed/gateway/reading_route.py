"""What every GET call shares: it is counted, and whatever goes wrong is told in one shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor

from revealed.errors import RevealedError
from revealed.gateway.refusals import HttpRefusal, unavailable
from revealed.gateway.state import Gateway

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AnyId(Convertor[str]):
    """An id in a path, whatever is in it: slashes and line ends, too. Written `{user:id}`."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """Return the id."""
        return value

    def to_string(self, value: str) -> str:
        """Return the id."""
        return value


register_url_convertor("id", AnyId())


class ReadingRoute(APIRoute):
    """A route whose parameters, files and journal fail as `HttpRefusal` only."""

    def get_route_handler(self) -> Handler:
        """Return the handler of a request."""
        handle, call = self._handler(), f"GET {self.path_format}"

        async def counted(request: Request) -> Response:
            started, status = time.monotonic(), 500
            try:
                response = await _refusing(handle, request)
                status = response.status_code
            except HttpRefusal as refusal:
                status = refusal.status
                raise
            finally:
                gateway: Gateway = request.app.state.gateway
                gateway.metrics.count("revealed_gateway_requests_total", call=call, status=str(status))
                gateway.metrics.observe(
                    "revealed_gateway_request_seconds", time.monotonic() - started, call=call
                )
            return response

        return counted

    def _handler(self) -> Handler:
        return super().get_route_handler()


class QuickRoute(ReadingRoute):
    """A route that answers at once where the parameters are plainly right, and leaves all others to FastAPI to judge.

    FastAPI's own handling of eight parameters costs as much as finding and drawing a slate. A subclass says with `plain` what a
    request's arguments are, or None where FastAPI is to look.
    """

    @staticmethod
    def plain(request: Request) -> dict[str, Any] | None:
        """Return a request's arguments where they are plainly right."""
        raise NotImplementedError

    def _handler(self) -> Handler:
        careful, answer = super()._handler(), self.endpoint

        async def handle(request: Request) -> Response:
            arguments = self.plain(request)
            if arguments is None:
                return await careful(request)
            response: Response = await answer(request, **arguments)
            return response

        return handle


async def _refusing(handle: Handler, request: Request) -> Response:
    try:
        return await handle(request)
    except RequestValidationError as error:
        raise _invalid(error) from None
    except (
        RevealedError
    ) as error:  # a file that broke while it is in service, a journal that cannot be written
        raise unavailable(error.what, code=error.code) from error


def _invalid(error: RequestValidationError) -> HttpRefusal:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    return HttpRefusal(
        422,
        "invalid_parameter",
        f"`{name}`: {first['msg']}",
        remedy="the OpenAPI document (/docs) says what each parameter may be",
    )
