"""A sample app that cannot be imported."""

import a_module_that_is_not_installed  # type: ignore[import-not-found]

app = a_module_that_is_not_installed.make_app()
