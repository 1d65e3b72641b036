package ua

// Counter counts calls, for statistics. Its methods must be cheap, not block, and not call back; they are called concurrently.
type Counter interface {
	// Called counts a call that came, by the SIP status that it was answered with: 200, or why it was refused.
	Called(code int)
	// Calling counts a call from here: 200 once it is established, else the code of its End.
	Calling(code int)
	// Limited counts a call that came and was refused because a limit was reached; it is counted as Called, too.
	Limited()
}
