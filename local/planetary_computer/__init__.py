"""Planetary Computer emulator: the open Planetary Computer's STAC, SAS and data APIs over scenes of our own.

`python -m local.planetary_computer` runs it; its base URL is what `PLANETARY_COMPUTER_URL` names.
"""
