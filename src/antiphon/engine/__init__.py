"""The embedded half of a call: the server side of the Realtime protocol, and the stages that listen and speak."""
