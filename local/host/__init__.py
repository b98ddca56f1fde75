"""A stand-in for the Azure Functions host on one machine: it runs a Python v2 function app with real storage."""
