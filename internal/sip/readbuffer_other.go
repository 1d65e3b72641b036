//go:build !linux

package sip

// forceReadBuffer is for Linux.
func forceReadBuffer(any, int) bool { return false }
