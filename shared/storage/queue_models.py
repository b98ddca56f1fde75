"""Completes the models of azure-storage-queue before several threads use them."""

import threading

from azure.storage.queue._generated import models
from azure.storage.queue._generated._utils.model_base import Model

_lock = threading.Lock()


def complete_queue_models() -> None:
    """Build every model of the queue SDK once, in one thread.

    azure-storage-queue 12.18.1 builds a model's field table the first time the model is made, without a lock
    (`Model.__new__`). Of sixteen threads that send their first message at once, some then read an unfinished table, and
    a send that the storage took ends with "'Element' object has no attribute 'message_id'".
    """
    with _lock:
        for model in vars(models).values():
            if isinstance(model, type) and issubclass(model, Model):
                model.__new__(model)
