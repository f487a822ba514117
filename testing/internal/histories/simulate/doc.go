// Package simulate runs clients, two managers and one store in a single process in which nothing happens by itself: a
// scheduler lets one call of the store, one event or the clock go on at a time, as a seed says, within testing/synctest.
// Hours of sessions pass in a moment, every order of what is concurrent comes up sooner or later, and the checker of
// package model decides what may have been.
package simulate
