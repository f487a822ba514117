// Package session gives a web service sessions that live as JSON rows in its SQL database and are shared by a browser's
// HTTP requests and WebSocket connections.
//
// A [Manager] is the middleware; [FromContext] gives a handler its [Session]; a [Store] keeps them.
package session
