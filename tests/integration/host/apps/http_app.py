"""A sample app with a trigger that the stand-in does not support."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="hello")
def hello(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the runtime wants the name
    return func.HttpResponse("hello")
