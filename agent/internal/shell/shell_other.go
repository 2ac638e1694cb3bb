//go:build !linux

package shell

// Shell is a program in a terminal: not on this system yet.
type Shell struct{}

// Able reports whether there can be a shell.
func Able() bool { return false }

// Keep returns.
func Keep() {}

// Start returns ErrUnable.
func Start(int, int) (*Shell, error) { return nil, ErrUnable }

// Run returns ErrUnable.
func Run(int, int, string) (*Shell, error) { return nil, ErrUnable }

func (*Shell) Program() string           { return "" }
func (*Shell) Read([]byte) (int, error)  { return 0, ErrUnable }
func (*Shell) Write([]byte) (int, error) { return 0, ErrUnable }
func (*Shell) Resize(int, int) error     { return ErrUnable }
func (*Shell) Hidden() bool              { return false }
func (*Shell) Over() <-chan struct{}     { return nil }
func (*Shell) Code() int                 { return -1 }
func (*Shell) Left() int                 { return 0 }
func (*Shell) Shut()                     {}
func (*Shell) Close() bool               { return true }
