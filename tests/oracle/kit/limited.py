"""limited.py - small limits, so that a scenario comes to each of them in a few steps."""
from temporalio.api.common.v1 import Payload, Payloads

PAYLOADS = {"limit.blobSize.error": 1000, "limit.blobSize.warn": 500, "limit.memoSize.error": 600,
            "limit.memoSize.warn": 300}
PENDING = {"limit.numPendingActivities.error": 2, "limit.numPendingChildExecutions.error": 2,
           "limit.numPendingSignals.error": 2, "limit.numPendingCancelRequests.error": 2}
SIGNALS = {"history.maximumSignalsPerExecution": 3}
UPDATES_IN_FLIGHT = {"history.maxInFlightUpdates": 2}
UPDATES = {"history.maxTotalUpdates": 3}
UPDATE_BYTES = {"history.maxInFlightUpdatePayloads": 3000}
SEARCH_ATTRIBUTES = {"frontend.searchAttributesNumberOfKeysLimit": 2, "frontend.searchAttributesSizeOfValueLimit": 20,
                     "frontend.searchAttributesTotalSizeLimit": 160}
LINKS = {"frontend.maxlinksPerRequest": 2, "frontend.linkMaxSize": 100}
HISTORY_COUNT = {"limit.historyCount.error": 10, "limit.historyCount.warn": 8}
HISTORY_SIZE = {"limit.historySize.error": 20000, "limit.historySize.warn": 10000}
SUGGEST = {"limit.historyCount.suggestContinueAsNew": 7}
SUGGEST_SIZE = {"limit.historySize.suggestContinueAsNew": 20000}


def sized(n):
    """Payloads of exactly n bytes, as the limits count them."""
    made = Payloads(payloads=[Payload(data=b"x" * n)])
    while made.ByteSize() > n:
        made.payloads[0].data = made.payloads[0].data[:-1]
    assert made.ByteSize() == n
    return made
