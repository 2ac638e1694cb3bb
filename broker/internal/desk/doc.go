// Package desk knows the work around the sessions: when the service desk is open, what
// service levels it promised, and whether they are kept.
package desk
