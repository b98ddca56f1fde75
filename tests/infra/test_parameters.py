"""The parameter file gives what main.bicep declares."""

from tests.infra.parameters import OUTPUTS, PARAMETERS, REQUIRED, default_of, given


def test_it_gives_what_main_declares() -> None:
    assert given().keys() <= PARAMETERS
    assert given().keys() >= REQUIRED


def test_it_has_the_defaults_of_main() -> None:
    for name, (_, default) in given().items():
        if default is not None:
            assert default == default_of(name), name


def test_no_output_is_taken_for_an_input() -> None:
    # azd keeps outputs in its environment; one named like an input would hold on to an old default for ever.
    assert not OUTPUTS & {variable for variable, _ in given().values()}
