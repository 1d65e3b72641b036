package event

// Records are kept in the journal as events are, and nobody is told: Name.Internal. They say what a node has to know after a restart.
const (
	MsgBegun     Name = "parley.message.begun" // the first of several chunks of a message came
	SessionBegun Name = "parley.session.begun" // an INVITE of this side's is about to leave
	SessionOver  Name = "parley.session.over"  // a session is over, and no event says so
	CommandDone  Name = "parley.command.done"  // a command with a key was accepted
)

// NewBegun is a MsgBegun.
func NewBegun(sessionID, messageID string) Event {
	return Event{Name: MsgBegun, SessionID: sessionID, Params: []Param{{"message_id", messageID}}}
}

// NewSessionBegun is a SessionBegun: whom the INVITE is to, and the caller's key with a digest of what was asked for, "" where there is none.
func NewSessionBegun(sessionID, fromURI, toURI, ruri, key, digest string) Event {
	return Event{Name: SessionBegun, SessionID: sessionID, Params: []Param{
		{"from_uri", fromURI}, {"to_uri", toURI}, {"ruri", ruri}, {"key", key}, {"digest", digest},
	}}
}

// NewOver is a SessionOver.
func NewOver(sessionID string) Event { return Event{Name: SessionOver, SessionID: sessionID} }

// NewCommand is a CommandDone: the caller's key, a digest of what was asked for, and what it made.
func NewCommand(key, digest, result string) Event {
	return Event{Name: CommandDone, Params: []Param{{"key", key}, {"digest", digest}, {"result", result}}}
}
