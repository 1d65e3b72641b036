package ua

// KeepState has the state of a call kept now.
func KeepState(c *Call) { c.keep() }
