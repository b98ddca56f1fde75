"""The emulator's routes, as one application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.basics.cors import LoopbackCors
from local.planetary_computer.catalogue import Catalogue
from local.planetary_computer.control import Control, ControlMiddleware
from local.planetary_computer.data_routes import data_routes
from local.planetary_computer.sas_routes import sas_routes
from local.planetary_computer.scene_control import scene_control_routes
from local.planetary_computer.stac_routes import stac_routes
from local.stack.serve import HEALTH_ROUTE


def create_app(catalogue: Catalogue, *, sas_life: float) -> Starlette:
    """Make the application.

    Args:
        catalogue: The scenes and their container.
        sas_life: Life of the tokens it hands out, in seconds.

    Returns:
        The application.
    """
    control = Control(initial_sas_life=sas_life, reset_scenes=catalogue.reset)
    return Starlette(
        routes=[
            HEALTH_ROUTE,
            *control.routes(),
            *scene_control_routes(catalogue),
            *stac_routes(catalogue),
            *sas_routes(catalogue, control),
            *data_routes(catalogue),
        ],
        middleware=[Middleware(LoopbackCors), Middleware(ControlMiddleware, control=control)],
        exception_handlers={HTTPException: _explain},
    )


async def _explain(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"detail": error.detail}, error.status_code)
