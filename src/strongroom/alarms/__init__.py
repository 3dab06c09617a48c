"""How the changes of alarms are told: one module per kind of receiver, all alike from outside (`base`)."""
