package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// enum is a flag that takes one of a fixed list of words.
type enum struct {
	value   string
	allowed []string
}

func (e *enum) String() string { return e.value }
func (e *enum) Type() string   { return strings.Join(e.allowed, "|") }

func (e *enum) Set(s string) error {
	for _, a := range e.allowed {
		if s == a {
			e.value = s
			return nil
		}
	}
	return notOneOf(s, e.allowed)
}

// notOneOf says that found is none of allowed, and which of them is nearest.
func notOneOf(found string, allowed []string) error {
	msg := fmt.Sprintf("found %q, allowed: %s", found, strings.Join(allowed, ", "))
	if n, ok := nearest(found, allowed); ok {
		msg += fmt.Sprintf(" (nearest: %q)", n)
	}
	return errors.New(msg)
}

// percent is a flag that takes a share such as 2% or 0.02.
type percent float64

func (p *percent) String() string {
	if *p == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(*p)*100, 'g', 6, 64) + "%"
}

func (p *percent) Type() string { return "percent" }

func (p *percent) Set(s string) error {
	text, scale := s, 1.0
	if t, ok := strings.CutSuffix(s, "%"); ok {
		text, scale = strings.TrimSpace(t), 100
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v/scale > 0 && v/scale < 1) {
		return fmt.Errorf("found %q, allowed: a share between 0 and 1, such as 2%% or 0.02", s)
	}
	*p = percent(v / scale)
	return nil
}

// outputFlag adds --output with the given formats, of which the first is the
// default.
func outputFlag(cmd *cobra.Command, formats ...string) *enum {
	e := &enum{value: formats[0], allowed: formats}
	cmd.Flags().VarP(e, "output", "o", "format of stdout")
	completeWith(cmd, "output", formats)
	return e
}

// completeWith lets shells complete a flag from a list.
func completeWith(cmd *cobra.Command, flag string, words []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // a flag that does not exist, or twice: our own mistake
	}
}

// explainFlagError adds the nearest spelling to an unknown flag and where to
// read on.
func explainFlagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	hint := fmt.Sprintf("; see %s --help", cmd.CommandPath())
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		if n, ok := nearest("--"+unknown.GetSpecifiedName(), names); ok {
			hint = fmt.Sprintf(" (nearest: %q)", n) + hint
		}
	}
	return badInput(fmt.Errorf("%w%s", err, hint))
}

// splitList reads a comma-separated list of distinct names, each one of known.
func splitList(text string, known []string) ([]string, error) {
	var names []string
	var errs []error
	for part := range strings.SplitSeq(text, ",") {
		name := strings.TrimSpace(part)
		if name == "" {
			continue
		}
		if !contains(known, name) {
			errs = append(errs, notOneOf(name, known))
			continue
		}
		if contains(names, name) {
			errs = append(errs, fmt.Errorf("found %q twice, allowed: each name once", name))
			continue
		}
		names = append(names, name)
	}
	return names, errors.Join(errs...)
}

// takes checks the number of arguments and says in words what belongs there.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		return fmt.Errorf("%s: found %s, allowed: %s; see %s --help", cmd.Name(), count(len(args), "argument"), what, cmd.CommandPath())
	}
}
