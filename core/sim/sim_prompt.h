/* sim_prompt.h: what the simulated model reads in a body of any API: how many tokens it is, where
 * it may be cached, what the caller wants, what the test wants. */
#ifndef TOLLGATE_SIM_SIM_PROMPT_H
#define TOLLGATE_SIM_SIM_PROMPT_H

#include "core/sim/sim_knobs.h"

#define SIM_CACHE_POINTS_MAX 4
#define SIM_AUTOMATIC_LEAST  1024 /* tokens of a prefix that is cached without being asked */

/* Whose members a body has. */
enum sim_form {
    SIM_FORM_CONVERSE,
    SIM_FORM_CLAUDE,   /* InvokeModel of Anthropic's models */
    SIM_FORM_MESSAGES, /* Anthropic's own API */
    SIM_FORM_NOVA,
    SIM_FORM_LLAMA,
    SIM_FORM_TITAN,
    SIM_FORM_TITAN_EMBED,
    SIM_FORM_MISTRAL, /* prompt, or messages */
    SIM_FORM_COHERE,  /* message, or prompt */
    SIM_FORM_COHERE_EMBED,
    SIM_FORM_AI21,
    SIM_FORM_DEEPSEEK, /* prompt, or messages */
    SIM_FORM_CHAT,     /* InvokeModel of models that read OpenAI's chat bodies */
    SIM_FORM_OPENAI_CHAT,
    SIM_FORM_RESPONSES,
    SIM_FORMS
};

/* In the order in which a model reads them, wherever they stand in the body. */
enum sim_section { SIM_TOOLS, SIM_SYSTEM, SIM_MESSAGES, SIM_SECTIONS };

struct sim_cache_point {
    uint64_t hash;  /* of everything before it */
    int64_t tokens; /* of everything before it */
    enum sim_section section;
    bool hour;      /* ttl 1h instead of 5m */
    bool automatic; /* not asked for: reading it is cheaper, writing it is plain input */
};
struct sim_section_sum {
    uint64_t hash;
    int64_t tokens;
};
/* Tokens: 5 a call, 3 a message (or prompt), each text's bytes / 4 rounded up, at most 300 a tool,
 * 100 an image or document. Slices are of the body. */
struct sim_prompt {
    enum sim_form form;
    int64_t tokens;
    int64_t max_tokens; /* 0: not said */
    int64_t dimensions; /* of an embedding; 0: not said */
    size_t messages;
    bool conversation; /* "messages", where a form knows a single prompt too */
    bool stream, include_usage, versioned;
    struct str model, tier; /* empty: not said */
    struct str metadata;    /* a JSON object; empty: not said */
    struct sim_cache_point points[SIM_CACHE_POINTS_MAX];
    size_t point_count;
    struct sim_section_sum sections[SIM_SECTIONS];
    struct sim_section_sum before_last; /* SIM_MESSAGES before its last message */
    enum sim_section at;                /* being read */
    bool user_seen;
    struct sim_directives directives;
};
/* ERR_PARSE: ei says it as AWS might; members read so far are there. */
enum err sim_prompt_read(struct sim_prompt *p, enum sim_form form, struct str body,
                         struct err_info *ei) MUST_CHECK;
/* The same where only its tokens are counted: the members an answer needs may be missing. */
enum err sim_prompt_read_unbound(struct sim_prompt *p, enum sim_form form, struct str body,
                                 struct err_info *ei) MUST_CHECK;
/* A CountTokens body: the converse part, or the body for InvokeModel, which has that form. */
enum err sim_prompt_read_count(struct sim_prompt *p, enum sim_form form, struct str body,
                               struct err_info *ei) MUST_CHECK;

#endif
