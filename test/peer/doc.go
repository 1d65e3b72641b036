// Package peer is the other end of a call, for tests: a scripted SIP and MSRP endpoint on raw sockets. It shares no code
// with the module under test, so that an error of reading cannot hide an error of writing. It does nothing by itself but read:
// every octet that leaves was asked for by the test. Its methods fail the test that they are given.
package peer
