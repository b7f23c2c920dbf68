# bash completion of tollgate. A unit test checks that every sub-command is here.
# Of the core that the line names.
_tollgate_limits() {
    local i which=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --config | --socket) which+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    tollgate limit list --json "${which[@]}" 2>/dev/null | sed -n 's/^ \{0,8\}"name": *"\([^"]*\)".*/\1/p'
}

_tollgate() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i words
    local commands='serve demo sim status limit call key audit usage probe check aws help'
    COMPREPLY=()
    case $before in
    --config | --socket)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --theme)
        words='dark light solarized high-contrast colour-blind monochrome'
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --config | --socket | --theme) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $command in
    '') words="$commands --config --socket --theme --no-color --ascii --read-only --no-mouse --low-bandwidth --plain --help --version" ;;
    serve) words='--config --workers --help' ;;
    demo) words='--theme --no-color --ascii --no-mouse --low-bandwidth --plain --seconds --json --help' ;;
    sim) words='--port-base --latency-ms --token-delay-us --json --help' ;;
    status) words='--once --json --json-lines --interval --config --socket --help' ;;
    limit)
        [[ $word == -* ]] && before='an option'
        case $before in
        limit) words='list set revert block unblock undo history try' ;;
        set | revert | block | unblock | history | try) words=$(_tollgate_limits) ;;
        *) words='--group --for --until --since --reason --ticket --yes --stop-running --all --yaml --window --rolling --per --match --model --application --cost-center --environment --principal --json --config --socket --help' ;;
        esac
        ;;
    call)
        words='--application --limit --group --all --reason --ticket --json --config --socket --help'
        [ "$before" = call ] && words='list stop'
        ;;
    key)
        words='--application --cost-center --environment --tag --name --expires --subject --json --config --help'
        [ "$before" = key ] && words='add list revoke'
        ;;
    audit) words='--follow --since --until --where --limit --calls --changes --denials --max --json --config --help' ;;
    usage) words='--by --since --until --where --csv --json --config --help' ;;
    probe) words='--model --limit --parallel --calls --max-tokens --prompt --dialect --key-file --wait --timeout --json --help' ;;
    check) words='--config --help' ;;
    aws)
        words='--name --from --tag --description --amount --unit --percent --email --sns --days --metric --above --dimension --period --periods --role --write --by --month --all --inactive --replace --deny-bypass --tagged --setup --assume-role --dry-run --yes --json --config --help'
        case $before in
        aws) words='whoami profiles projects tags exports budgets anomalies alarms logging policy prices cur dashboard' ;;
        profiles) words='create list show delete map' ;;
        projects) words='create list archive' ;;
        tags) words='list activate backfill' ;;
        exports) words='check' ;;
        budgets | anomalies | alarms) words='create list' ;;
        logging) words='status' ;;
        cur) words='import show' ;;
        import)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        esac
        ;;
    *) words='' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _tollgate tollgate
