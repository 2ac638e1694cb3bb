package protocol

// Ping asks whether the other side is still there. A page's script can send no
// ping of the WebSocket's own, and a browser needs many minutes to notice that its
// network is gone or its address another one.
type Ping struct{}

func (*Ping) MessageType() string { return "ping" }

// Validate implements Message.
func (*Ping) Validate() error { return nil }

// Pong answers a Ping.
type Pong struct{}

func (*Pong) MessageType() string { return "pong" }

// Validate implements Message.
func (*Pong) Validate() error { return nil }
