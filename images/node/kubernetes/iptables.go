package main

import (
	"os"
	"os/exec"
)

// The kube-proxy image holds both kinds of iptables, each in a folder of its own.
const (
	iptablesNft    = "/opt/iptables/nft"
	iptablesLegacy = "/opt/iptables/legacy"
)

// chooseIptables puts one kind of iptables in PATH: the one in which the kubelet has left its hint, because
// rules of both kinds in one network namespace contradict each other.
func chooseIptables() {
	if _, err := os.Stat(iptablesNft); err != nil {
		return
	}
	hinted := func(folder string) bool {
		return exec.Command(folder+"/iptables", "-t", "mangle", "-S", "KUBE-IPTABLES-HINT").Run() == nil
	}
	chosen := iptablesNft
	if !hinted(iptablesNft) && (hinted(iptablesLegacy) || exec.Command(iptablesNft+"/iptables", "-t", "nat", "-S").Run() != nil) {
		chosen = iptablesLegacy
	}
	_ = os.Setenv("PATH", chosen+":"+os.Getenv("PATH"))
}
